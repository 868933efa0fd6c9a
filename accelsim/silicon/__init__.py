"""From a process to a chip: area, yield, cost, clock and power on any node.

The room knows specs of chips, processes and packages. It knows no link, no system and
no run.
"""
