"""What is on a page beside digits: sheets, frames, circles, rules and lines of text."""
