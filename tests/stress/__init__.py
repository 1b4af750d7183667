"""What everything else must stand: inputs that nobody meant, kills, full disks (`make stress`)."""
