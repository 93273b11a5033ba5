"""SMSP, the Send Mail Service Proxy: one HTTP call in front of many e-mail providers."""
