"""What things cost and who says so: lists, the price book, own prices, exchange rates, and refreshing them."""
