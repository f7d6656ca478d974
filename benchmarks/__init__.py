"""What the project costs, as ratios taken in one run. ``make bench`` prints them."""
