"""IN: one module per vendor, no business logic; each lands its rows in the schema ``raw_<vendor>``."""
