"""Does a store do what it is trusted with? Checks over the store interface, on a scratch prefix."""
