"""What puts Lonewatch on a machine: images, charts and the local runner. No rule of lone working lives here."""
