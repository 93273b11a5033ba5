"""Who may send, how often and how much: for every way in alike."""
