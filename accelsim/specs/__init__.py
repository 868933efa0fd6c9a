"""What a thing is: frozen, validated descriptions that compute nothing.

One module for each noun of the field. A spec knows its units, its sources and its
own consistency; how fast it is, is answered by the rooms above.
"""
