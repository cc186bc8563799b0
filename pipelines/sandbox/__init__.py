"""The vendors on loopback: stateful, strict about tokens, able to misbehave. Part of the product, not of the tests."""
