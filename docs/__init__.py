"""What is written for people. `generate` writes the parts of it that follow from the code."""
