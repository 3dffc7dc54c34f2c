"""The chain's rules: Cedar, and the claims that are put to them."""
