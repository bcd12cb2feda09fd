/** The lab's public interface. */
export { startLab } from './lab';
export type { Lab, LabOptions, Message } from './lab';
export type { HarakaProcess } from './haraka';
export type { Outcome, OutcomeWish, ReportedRecipient } from './reports';
export type { PeerConnection, PeerMessage, PeerTls, SmtpPeer } from './smtp_peer';
export type { DnsQuestion, DnsServer } from './dns_server';
export type { Middlebox, MiddleboxSpec, SeenHello } from './middlebox';
export type { PolicyHost, PolicyBehaviour, PolicyRequest } from './policy_host';
export { behaviours } from './behaviours';
export type { HandshakeBehaviour, Behaviour, BehaviourName, Point, Step } from './behaviours';
export { harakaDirectory } from './haraka_directory';
export { iniText } from './ini';
export type * from './world';
