"""What an enrollment costs, who may still buy, what is given back."""
