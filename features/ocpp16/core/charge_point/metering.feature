@ocpp16 @core @charge-point @metering
Feature: Energy is measured and reported

  Background:
    Given a charge point that is booted and idle

  @TC_070_CS
  Scenario: Samples come at the interval that was set
    Given the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 2
    And the sampled measurands are those it is set to
    And a session with the known tag runs on connector 1
    Then it sends 3 meter values of the transaction, sampled 2 seconds apart
    And the first came 2 seconds after the start
    And its samples hold the measurands it is set to and nothing else
    And no meter values name another transaction

  Scenario: Samples hold no more than was asked for
    Given the setting MeterValuesSampledData is Energy.Active.Import.Register
    And the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 1
    And the sampled measurands are those it is set to
    And a session with the known tag runs on connector 1
    Then it sends 2 meter values of the transaction, sampled 1 second apart
    And its samples hold the measurands it is set to and nothing else

  @TC_071_CS
  Scenario: Clock-aligned values stand on the aligned instants
    Given the setting MeterValueSampleInterval is 0
    And the setting MeterValuesAlignedData is Energy.Active.Import.Register
    And the setting ClockAlignedDataInterval is 2
    And a session with the known tag runs on connector 1
    Then it sends 3 meter values aligned to 2 seconds of the clock, with the transaction or without
    And they hold Energy.Active.Import.Register and nothing else

  @moved-clock
  Scenario: A day of clock-aligned values misses none
    Given the setting MeterValueSampleInterval is 0
    And the setting MeterValuesAlignedData is Energy.Active.Import.Register
    And the setting ClockAlignedDataInterval is 900
    And a session with the known tag runs on connector 1
    When 24 hours pass
    Then it has sent 96 meter values aligned to 900 seconds of the clock

  Scenario: The energy of a session adds up
    Given the setting MeterValueSampleInterval is 1
    And a session with the known tag runs on connector 1
    Then it sends 2 meter values of the transaction, sampled 1 second apart
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing
    And the meter never went backwards
    And no meter values name another transaction

  Scenario: The next session begins where the last one ended
    Given the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 1
    And a session with the known tag runs on connector 1
    Then it sends 2 meter values of the transaction, sampled 1 second apart
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing
    When the driver unplugs at the car on connector 1
    Then it reports connector 1 as Available
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it may ask about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging
    And its meterStart is not below the meterStop before

  Scenario: The end of a session tells the samples that were asked for
    Given the setting StopTxnSampledData is Energy.Active.Import.Register
    And the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 1
    And the sampled measurands are those it is set to
    And a session with the known tag runs on connector 1
    Then it sends 2 meter values of the transaction, sampled 1 second apart
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing
    And its StopTransaction holds at least 2 readings of the energy register, between meterStart and meterStop

  Scenario: The end of a session tells the values of the clock that were asked for
    Given the setting StopTxnSampledData holds nothing
    And the setting StopTxnAlignedData is Energy.Active.Import.Register
    And the setting MeterValuesAlignedData is Energy.Active.Import.Register
    And the setting MeterValueSampleInterval is 0
    And the setting ClockAlignedDataInterval is 1
    And a session with the known tag runs on connector 1
    Then it sends 2 meter values aligned to 1 second of the clock, with the transaction or without
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing
    And its StopTransaction holds at least 2 readings of the energy register, between meterStart and meterStop
    And it sends no StopTransaction for 1500 milliseconds

  Scenario: The end of a session tells no samples that nobody asked for
    Given the setting StopTxnSampledData holds nothing
    And the setting StopTxnAlignedData holds nothing
    And the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 1
    And a session with the known tag runs on connector 1
    Then it sends 2 meter values of the transaction, sampled 1 second apart
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing
    And its StopTransaction holds no samples
