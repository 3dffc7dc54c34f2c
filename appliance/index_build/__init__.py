"""From anyone's documents and catalogue to one immutable index file; needs no torch."""
