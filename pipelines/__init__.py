"""Everything in handoff that crosses the network: sources in, actions out, and the run between them."""
