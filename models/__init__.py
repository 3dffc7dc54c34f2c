"""From documents and labelled asks to a release."""
