"""Arrays and scalars in, arrays filled: every formula that is evaluated often.

A kernel is a formula with a loop, in SI units, compiled by Numba. The rooms of
`accelsim` lower what they know to tables and call kernels; a kernel knows no config,
no file, no exception and no class of ours.
"""
