"""The demo chain: hand-written texts and tables, and what is generated from them."""
