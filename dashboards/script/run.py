"""The script that Streamlit runs for each reader.

It lies in a folder of its own: Streamlit takes a folder called ``pages`` beside its script for pages of an older kind, and would run
those files by themselves.
"""

from dashboards.navigation import main

main()
