"""The recipe runner: ten steps through one folder, each whole or not there."""
