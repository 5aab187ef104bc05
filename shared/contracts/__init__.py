"""What crosses a boundary: the envelope, the events by owner, the topics, the policy format. Pure: no IO."""
