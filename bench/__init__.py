"""What we claim about speed, runnable: each figure of ours beside the physical limit, measured in the same run by interleaved repeats.

Nothing here is imported by anything that runs in production.
"""
