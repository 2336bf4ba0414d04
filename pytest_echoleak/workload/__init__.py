"""What is sent to the service: requests, or a callable of the user's, and what drives them."""
