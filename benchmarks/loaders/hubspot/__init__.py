"""Loaders of HubSpot."""
