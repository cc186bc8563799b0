"""SEEN: Streamlit over the published snapshot, read-only."""
