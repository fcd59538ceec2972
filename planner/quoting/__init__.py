"""From a workload and a catalogue to a quote: lines, their cost, the offers, which one is recommended."""
