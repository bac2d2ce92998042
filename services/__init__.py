"""The map of the house. Services never import each other: they meet by events and by public HTTP.

catalog       what may be asked for: procedures, hospitals, doctors, prices
enquiry       who asked for what, and what was agreed
notification  who must hear of it, and the proof that they did
web           what people see; no database of its own
"""
