"""How one message is sent: which circuits are asked, in which order, and what is remembered."""
