"""Contacts: copies of what enquiry and catalog say of people and hospitals, and the endpoints hospitals gave us.

Addresses stay sealed here; they are opened only while a mail is made. Never sends anything.
"""
