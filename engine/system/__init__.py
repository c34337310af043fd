"""How the installation is, in words."""
