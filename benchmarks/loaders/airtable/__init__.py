"""Loaders of Airtable."""
