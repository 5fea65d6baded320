"""What plays on the exchanges and steers them: recorded and live sessions on both floors, and the admin pages."""
