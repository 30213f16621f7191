"""Read pictures on many machines; only this package imports Ray, and nothing imports it unless asked to."""
