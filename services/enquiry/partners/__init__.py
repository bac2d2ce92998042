"""Partners: who may speak to us by name. Accounts of hospitals, operations and clients, their keys, sign-ins and tokens.

accounts  people and systems        api_keys  secrets of systems, stored hashed
sessions  what can be revoked       tokens    bearer tokens and the JWKS        second_factors  TOTP of people
"""
