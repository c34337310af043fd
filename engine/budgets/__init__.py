"""What is used, how much may be used a day, and how much may go out in a time."""
