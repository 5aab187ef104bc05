"""The rules of checkin, each as a sentence."""
