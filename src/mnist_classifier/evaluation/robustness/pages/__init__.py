"""Numbers as people bring them: in boxes, tables and circles, with marks, on paper that is photographed.

`samples` in source.py makes pictures of each of KINDS in kinds.py, scoring.py says which readings are right.
"""
