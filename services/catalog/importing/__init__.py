"""Applying an import: the files state the whole catalog, and the database becomes what they say, in one transaction.

What the files no longer hold is withdrawn. An import of what is already there writes nothing.

rows  records as rows of tables     plan  what is to be added, changed, withdrawn     apply  the transaction     command  the command line
"""
