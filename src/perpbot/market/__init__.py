"""Order books, top of book, price and trade caches, and how fresh they are."""
