"""Where the script that Streamlit runs lies; see run.py for why it has a folder of its own."""
