"""Stages: resumable work on records, on one machine or a cluster, whatever the records are.

A record (`irg.stages.records`) goes through stages (`irg.stages.stage`) in shards, each a file in a store
(`irg.stages.store`) that is named by a hash of everything that came before. `irg.stages.runner` brings a
job (`irg.stages.flow`) through: in this process, or on a cluster (`irg.stages.ray_pool`).
"""
