"""Composing: documents made from the holdings when a fact changes, so that reading one costs a single SELECT.

Plain functions from rows to values; they read no database and know no request. What nobody told us is null here, never guessed.

parts  what several documents show     pages  a procedure in a country     procedures hospitals forms  the other documents     composer  all of them
"""
