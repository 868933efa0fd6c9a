"""The explorer: a page on this machine where designs are turned and compared.

Why NiceGUI, of NiceGUI, Panel, Dash, marimo and Streamlit: a slider's move reaches
Python over a socket that stays open, and what changed comes back alone (Streamlit runs
the whole script again; Dash asks over HTTP and brings plotly.js, 4 MB; Panel brings
Bokeh, some 20 MB; marimo is a notebook first). It serves all its files itself, so that
the page works without a network. It is an extra, loaded when the page is asked for.

This room has no logic of its own: a design is a run with overrides, asked by
`explore.estimate`, drawn by the figures of `report`.
"""
