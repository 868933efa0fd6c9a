"""Drawings: marks in pixels, frames and charts of them, as SVG or as a raster.

Why our own, and not Plotly or matplotlib's SVG: a page with plotly.js weighs 4 MB and
draws nothing without a script; matplotlib takes some 100 ms a figure and fixes its
colours. These marks take about a millisecond, so that the explorer redraws while a
slider moves; their colours are names, which a page's style makes light or dark; and
matplotlib, there already, still makes PNG and PDF of them.
"""
