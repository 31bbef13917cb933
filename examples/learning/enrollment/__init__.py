"""Who takes which course: from the request to the confirmed place, or to the withdrawal."""
