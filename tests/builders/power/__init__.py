"""A power cut, played over what programs did to their files."""
