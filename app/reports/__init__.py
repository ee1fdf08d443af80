"""What is required, planned and delivered: figures that add up, and the lists behind them."""
