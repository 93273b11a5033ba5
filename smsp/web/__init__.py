"""The HTTP face of SMSP. The only importer of Quart."""
