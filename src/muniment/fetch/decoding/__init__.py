"""From what crossed the tunnel to exchanges: spools and key log in, read in a process of its own with limits."""
