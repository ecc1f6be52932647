"""The darkroom: a process of its own in which photos are unpacked and decoded, and what speaks to it."""
