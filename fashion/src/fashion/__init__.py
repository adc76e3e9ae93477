"""FashionNet, DFA and retrieval: clothes found, aligned, recognised and searched."""
