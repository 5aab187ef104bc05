"""Run all of Lonewatch on one machine with nothing installed: for a trial, a demo and the tests. Not for production."""
