"""A sweep: points from axes, estimates of points, and the files that keep them.

    sweep file -> `points` (which point is the i-th?) -> chunks of points
               -> `ask` (columns of answers) -> `store` (Parquet parts, one a chunk)

`run` drives the chunks on this machine, `cluster` on Dask. A chunk's content follows
from the sweep file and its number alone, so that it may be computed anywhere, and
again.
"""
